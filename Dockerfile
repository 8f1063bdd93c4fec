# Untested: built nowhere yet (docs/how-to/gpu.md). A CPU image with the set of packages that mmx is tested with.
FROM python:3.11-slim
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir -c constraints.txt ".[weights]"
WORKDIR /work
ENTRYPOINT ["mmx"]
CMD ["--help"]

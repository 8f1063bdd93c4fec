"""Public weights under the names of the library's encoders, and reading of weight files."""

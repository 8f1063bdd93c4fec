"""The journal of a run, its provenance, and the thread that delivers it to MLflow.

Surface: artifact_places, journal, provenance, repository, tracker, ui_server, uri.
"""

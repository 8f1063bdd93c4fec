"""The journal of a run, its provenance, and the thread that delivers it to MLflow.

Surface: journal, provenance, tracker, ui_server, uri.
"""

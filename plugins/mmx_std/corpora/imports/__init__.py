"""Layouts of published data sets, read as manifests of mmx; nothing is downloaded."""

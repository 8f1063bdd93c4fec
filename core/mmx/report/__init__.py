"""The verdict over metrics, and the report as `report.json`, `report.html` and a table in the terminal.

Surface: html, inline_media, items, statistics, stored, svg, terminal, verdict, write.
"""

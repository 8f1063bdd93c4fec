"""The judgement of a run: its verdict, `report.json`, the page `report.html`, the table in the terminal."""

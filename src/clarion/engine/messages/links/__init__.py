"""Tracked links: `#track("<url>")` in a body becomes a short link whose opening is noted.

bodies with calls -> make_links (one insert a batch) -> short links in the bodies
GET /t/{code} -> LinkDesk.open -> the stored address; opened by a person -> LinkDesk.count
counted, in batches -> clicks of the link, and its message READ and CONVERTED
"""

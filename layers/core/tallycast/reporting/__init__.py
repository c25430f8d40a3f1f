"""Reporting: numbers frozen as they stood, for those who were told them.

So far the delivery of a campaign, as JSON and CSV; pages, mail and PDF are to come.
"""

"""Attribution: what listeners did for a sponsor, and (later) which spots deserve the credit.

Conversions are taken in, de-duplicated and kept here; nothing is matched with exposures yet.
"""

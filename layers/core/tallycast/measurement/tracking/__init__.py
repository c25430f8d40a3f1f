"""The prefix redirect: a request for an episode passes through us, is recorded, and goes on.

What answers a listener imports the standard library only: no boto3, pydantic or Powertools. A test
on import sets keeps it so. What people and other functions ask for (`registry`, `learning`,
`replay`) stands in modules that the redirect never imports.
"""

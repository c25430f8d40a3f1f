"""The entry of the demo: checks this Python first, as the local cloud's own entry does."""

from infra.local.__main__ import enter

if __name__ == "__main__":
    enter("infra.demo.play", "main")

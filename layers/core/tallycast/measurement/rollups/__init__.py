"""Day cards: the numbers of one show, episode or tenant on one day, ready to be read."""

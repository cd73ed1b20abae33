"""The host that rootless docker runs on, as an ordinary user can see it. Nothing here changes anything."""

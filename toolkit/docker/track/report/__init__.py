"""The answer of `track` in its forms: `document` is the values and the JSON, the others are for people."""

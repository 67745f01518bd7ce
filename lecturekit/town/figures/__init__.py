"""The figures of Toy Town, one module for each class with the same four functions.

`look(rng)` draws a variant, `colours(rng)` a colour for each role, `pose(look, phase, jitter)` gives the
angles of the parts and the lift of the whole, `figure(look, mirror)` the polygons, parts and marks.
"""

"""One function for each element of a facade.

All share one signature, `(cx, base, width, height, look)`: the element stands centred on `cx` with its foot at `base`
and about fills `width` x `height`. Each returns parts in the order in which they are painted; what an expert would mark
bears its feature type. The exact box of a part is the extent of its shapes, not the numbers asked for.
"""

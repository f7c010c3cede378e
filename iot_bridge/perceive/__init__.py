"""From frames to crossings: all computer vision is here, pure and replayable.

It refuses to know of wires and clocks.
"""

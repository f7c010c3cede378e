"""Sources of frames: a file, a folder of pictures, a device or a network camera.

It refuses to know what is seen.
"""

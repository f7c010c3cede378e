"""The story: starts every part of the embedded column and plays a loan's whole life on real evidence."""

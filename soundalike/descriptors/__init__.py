"""What is told of a track by rules, from what the frontends' streams make: rhythm, harmony, tempo
and key. Pure functions of arrays; what is learned about them lies in the model."""

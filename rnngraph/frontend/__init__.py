"""What the user touches: TensorFlow r1.4's programming model on an open graph."""

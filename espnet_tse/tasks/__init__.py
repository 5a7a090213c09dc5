"""Every name -> class table, and one task per way of training."""

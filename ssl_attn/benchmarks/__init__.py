"""What `ssl-attn bench` measures: ratios side by side in one run, since machines are noisy."""

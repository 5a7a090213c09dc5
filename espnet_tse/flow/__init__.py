"""Diffusion and flow matching: conditions to spectra and latents."""

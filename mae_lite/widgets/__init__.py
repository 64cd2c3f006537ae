"""Interactive views for notebooks. The only folder that imports ipywidgets."""

from mae_lite.widgets.slider import ReconstructionSlider, reconstruction_slider

__all__ = ["ReconstructionSlider", "reconstruction_slider"]

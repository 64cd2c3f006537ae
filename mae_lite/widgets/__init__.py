"""Interactive views for notebooks. The only folder that imports ipywidgets."""

from mae_lite.widgets.page import Playground, playground

__all__ = ["Playground", "playground"]

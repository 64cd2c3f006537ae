"""Pictures: figures, flipbooks, films."""

"""The paper as data: its tables and figures, our records beside them, claims."""

"""The course's own code: the paper's tables and claims, studies, figures, pages and exercises of the notebooks."""

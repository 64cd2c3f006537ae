"""Pages and notebooks in a browser."""

import nbformat
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

CELLS = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    return Array.from(panel.content.model.cells).filter(c => c.type === 'code').map(c => c.executionCount);
}"""
READY = "() => window.jupyterapp && window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"


def notebook(code, *shown):
    """A notebook with that code in each cell, executed, as it is committed."""
    cells = []
    for number, one in enumerate(shown, start=1):
        output = new_output("execute_result", one._repr_mimebundle_(), execution_count=number)
        cells.append(new_code_cell(code, outputs=[output], execution_count=number))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def export(nb, path):
    path.write_text(HTMLExporter().from_notebook_node(nb)[0])
    return path.as_uri()


def opened(chromium, address, **options):
    """A page in a browser without network (an address on this machine is still reached by file://)."""
    page = chromium.new_context(viewport={"width": 1000, "height": 900}, offline=True, **options).new_page()
    page.asked, page.broken = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.broken.append(str(error)))
    page.goto(address)
    return page


def opened_in_lab(chromium, lab, name, nb):
    """JupyterLab with an executed notebook that nobody here has trusted or run."""
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(f"{lab}/lab?reset")
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate(
        "([name, content]) => window.jupyterapp.serviceManager.contents.save(name, "
        "{type: 'notebook', format: 'json', content})",
        [name, nbformat.from_dict(nb)],
    )
    page.goto(f"{lab}/lab/tree/{name}?reset")
    page.wait_for_function(READY)
    return page

"""The studio: a page in the browser where a picture is painted and changed while it is made.

``wish``, ``painting``, ``desk``, ``visitors``, ``results`` and ``finals`` know nothing of the page; ``page`` and
``server`` are the only modules that import Gradio.
"""

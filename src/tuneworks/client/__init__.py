"""A small client of the HTTP API, for other programs of the company.

>>> from tuneworks.client import Client
>>> Client("http://127.0.0.1:8765").url
'http://127.0.0.1:8765'
"""

from tuneworks.client.client import Client, Predicted

__all__ = ["Client", "Predicted"]

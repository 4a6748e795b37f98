"""The operator's room as an ASGI application: `uvicorn karb_project.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")
application = get_asgi_application()

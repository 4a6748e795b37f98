"""The operator's room as a WSGI application."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")
application = get_wsgi_application()

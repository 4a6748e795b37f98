"""The operator's room as an ASGI application: `uvicorn karb_project.asgi:application`."""

import os
import warnings

from django.core.asgi import get_asgi_application

from arbitrage.domain.arming import mode_word
from exchanges.registry import transport_mode
from karb_project import logs
from karb_project.celery import app as celery_app
from karb_project.env import read_env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")
logs.setup("web", read_env())
logs.set_mode(mode_word(transport_mode(read_env())))
# Static files are served by a synchronous iterator: a few small files, once per browser.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
application = get_asgi_application()

__all__ = ["application", "celery_app"]
"""The Celery app is named here so that the beat pages know its tasks and can send one."""

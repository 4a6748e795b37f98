"""Redis hashes that Celery's parts write and the supervisor reads. No Celery here: the supervisor does not load it."""

TASKS = "karb:tasks"
"""Task name -> how often it ended."""
READY = "karb:ready"
"""Part -> the process of it that is ready."""

"""Settings of the site that says hello: the same server, middleware and database, and a view that does nothing."""

from config.settings import *  # noqa: F403  the same, but for the doors

ROOT_URLCONF = "benchmarks.rating.hello_doors"

# Two images from one file: "web" (also worker, beat and relay) never holds torch, "gpu" adds what the learners import.
FROM python:3.11-slim-bookworm AS web
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --create-home --uid 10001 tare && install -d -o tare -g tare /data
WORKDIR /srv/tare
COPY requirements/web.lock requirements/
RUN pip install --no-cache-dir -r requirements/web.lock
COPY . .
ENV TARE_VAR=/data
VOLUME /data
USER tare
EXPOSE 8000
CMD ["python", "-m", "gunicorn", "--config", "python:config.gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000"]

FROM web AS gpu
USER root
COPY requirements/worker.lock requirements/
RUN pip install --no-cache-dir -r requirements/web.lock -r requirements/worker.lock
USER tare
CMD ["python", "-m", "celery", "-A", "config.celery", "worker", "--queues", "gpu", "--pool", "solo", "-O", "fair"]

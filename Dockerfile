# The lab in a container: one user without rights, one volume. See docs/deploy.md.
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 lab && install -d -o lab -g lab /data
WORKDIR /app

# Of the extras only what a deployment asks for: --build-arg EXTRAS=requirements-scale.txt
ARG EXTRAS=""
COPY requirements.txt requirements-scale.txt ./
RUN pip install --no-cache-dir -r requirements.txt ${EXTRAS:+-r $EXTRAS}

COPY .streamlit .streamlit
COPY ragft_core ragft_core
COPY pages pages
COPY app.py LICENSE ./

USER lab
# Everything the lab writes, the two small models of the first start included.
ENV RAGFT_HOME=/data
VOLUME /data

# The lab itself listens on all addresses of the container, and answers to these names only; who may
# reach them is decided where the port is published.
ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0
ENV STREAMLIT_SERVER_ALLOWED_HOSTS=localhost
ENV RAGFT_LOG=json
# A container's end is the end of its jobs: they keep what they have, and go on at the next start.
ENV RAGFT_PAUSE_JOBS=1
ENV PYTHONUNBUFFERED=1

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=12s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import httpx; httpx.get('http://127.0.0.1:8501/health', timeout=11).raise_for_status()"]
CMD ["python", "-m", "streamlit", "run", "app.py"]

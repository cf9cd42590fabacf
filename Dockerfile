# The annotator on a CPU. Build: docker build -t hqsam .   For CUDA, drop the index of torch's CPU builds and run with --gpus all.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 hqsam && mkdir /data /photos && chown hqsam /data
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE NOTICE ./
COPY src src
COPY examples examples
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
        --constraint constraints.txt torch ".[serve]"

USER hqsam
ENV HQSAM_DATA=/data HQSAM_HOME=/data/weights
VOLUME /data
EXPOSE 8765
HEALTHCHECK --start-period=30s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/v1/health', timeout=5)"]
STOPSIGNAL SIGTERM
# Inside a container "this machine" is the container, so it listens on all addresses; publish the port to localhost only.
ENTRYPOINT ["hqsam", "serve", "--host", "0.0.0.0", "--no-browser", "--log", "json"]
CMD ["/photos", "--data", "/data"]

"""What is kept on disk, and how: safetensors, Parquet and JSON, whole or absent."""

"""The data contract, and DuckDB over the Parquet that keeps it."""

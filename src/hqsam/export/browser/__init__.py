"""`hqsam export --format browser`: a folder for any static host, with a page that segments photos in the browser."""

"""The OpenAPI 3.1 document of the API, made anew at each start."""

//! Schemas of the rows that `?filter=` works on (spec/http-api.md §6.4).

# All permanent tokens.
list "neuroio_stream_token" "permanent" {
  provider = neuroio

  config {
    permanent = true
  }
}

# Does not expire. An account or space may have five permanent tokens.
resource "neuroio_stream_token" "camera" {
  permanent = true
}

# Expires after 24 hours. The first plan after that replaces it.
resource "neuroio_stream_token" "today" {
  permanent = false
}

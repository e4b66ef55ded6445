# Does not expire, and is rotated every 90 days. The previous token remains valid for a day.
resource "neuroio_stream_token" "camera" {
  permanent    = true
  rotate_every = "90d"
  overlap      = "1d"
}

# Expires after 24 hours. A plan in the last 8 hours rotates it, and the previous token remains valid for 2 hours.
resource "neuroio_stream_token" "today" {
  permanent     = false
  rotate_before = "8h"
  overlap       = "2h"
}

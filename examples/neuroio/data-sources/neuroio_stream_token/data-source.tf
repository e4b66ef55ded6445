data "neuroio_stream_token" "camera" {
  id = "1"
}

check "camera_token_is_accepted" {
  assert {
    condition     = data.neuroio_stream_token.camera.is_active && !data.neuroio_stream_token.camera.expired
    error_message = "The camera's stream token is not accepted."
  }
}

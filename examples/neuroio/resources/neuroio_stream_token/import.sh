# The id is the platform's number for the token.
terraform import neuroio_stream_token.camera 1

# Checks the module with a mocked provider: no account, no credential, no network.

mock_provider "neuroio" {
  mock_resource "neuroio_stream_token" {
    defaults = {
      generation = 1
    }
  }
}

run "each_camera_gets_one_permanent_token" {
  variables {
    cameras = { door = "1.0", garage = "2.1" }
  }

  assert {
    condition     = alltrue([for token in neuroio_stream_token.camera : token.permanent])
    error_message = "The token of a camera must not expire."
  }

  assert {
    condition     = output.generations == { door = 1, garage = 1 }
    error_message = "The output must contain the generation of every token."
  }
}

run "too_many_cameras_are_rejected" {
  command = plan

  variables {
    cameras = { a = "1", b = "1", c = "1", d = "1", e = "1" }
  }

  expect_failures = [var.cameras]
}

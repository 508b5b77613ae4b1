"""When a stream is no longer what the model was trained on: measured, said, handed to reviewers and retraining."""

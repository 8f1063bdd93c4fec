"""Operations that parts of models and tasks share."""
